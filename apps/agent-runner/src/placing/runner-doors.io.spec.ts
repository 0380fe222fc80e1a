import { once } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { TARGET, VM_PATHS } from '@purser/program-session';
import { eventually } from '@purser/testing';
import { RunnerDoors } from './runner-doors.js';
import { startVmEnd } from './vm-end.fixture.js';

it('offers connections again after the other end has refused all of them', async () => {
  const gateway = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const target = `127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const offered: ServerHttp2Stream[] = [];
  let refused = 0;
  const end = await startVmEnd((stream, request) => {
    expect(request).toBe(`POST ${VM_PATHS.connection}`);
    if (refused < 8) {
      refused += 1;
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    } else offered.push(stream);
  });
  new RunnerDoors(end.client, [`http://${target}/v1`]);
  await eventually(() => expect(offered).toHaveLength(8));
  const [stream] = offered;
  stream!.respond({ ':status': 200, [TARGET]: target });
  stream!.write('hello');
  expect(String((await once(stream!, 'data'))[0])).toBe('hello');
  await end.close();
  await new Promise((resolve) => gateway.close(resolve));
});
