// Health check of a container: exits 0 when the service on the given port is ready, or when one listens on the given socket.
import { connect } from 'node:net';

const [, , where = ''] = process.argv;
const end = (ready) => process.exit(ready ? 0 : 1);
if (where.startsWith('/')) {
  // One that was killed leaves its socket behind.
  connect(where)
    .once('connect', () => end(true))
    .once('error', () => end(false));
} else {
  fetch(`http://127.0.0.1:${where}/health/ready`, { signal: AbortSignal.timeout(2_500) }).then(
    (response) => end(response.ok),
    () => end(false),
  );
}
