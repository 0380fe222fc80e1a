import { LEAST_BYTES_BILLED, priceOf } from './query-price.js';

it.each([
  [2n ** 40n, '6.25', '6.25'],
  [BigInt(LEAST_BYTES_BILLED), '6.25', '0.000059605'],
  [1n, '6.25', '0.000000001'],
  [0n, '6.25', '0'],
  [3n * 2n ** 40n, '7.5', '22.5'],
  [2n ** 60n, '0', '0'],
])('takes for %d bytes at %s a TiB %s', (bytes, perTiB, price) => {
  expect(priceOf(bytes, perTiB)).toBe(price);
});
