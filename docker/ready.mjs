// Health check of a container: exits 0 when the service on the given port is ready.
fetch(`http://127.0.0.1:${process.argv[2]}/health/ready`, { signal: AbortSignal.timeout(2_500) }).then(
  (response) => process.exit(response.ok ? 0 : 1),
  () => process.exit(1),
);
