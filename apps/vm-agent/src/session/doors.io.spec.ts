import { once } from 'node:events';
import { connect } from 'node:net';
import { Doors } from './doors.js';

it('ends a connection of the program that nobody takes', async () => {
  const doors = new Doors(50);
  const { port } = new URL(await doors.through('http://gateway:8081/v1'));
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  await once(socket, 'close');
  doors.close();
});
