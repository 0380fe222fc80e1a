/** The tag before the sound, with covers of albums in it, which no decoder takes for sound. */
export function tagBytes(file: Buffer): number {
  if (file.length < 10 || file.toString('latin1', 0, 3) !== 'ID3') return 0;
  const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (file.readUInt8(at) & 0x7f), 0);
  return 10 + size + ((file.readUInt8(5) & 0x10) === 0 ? 0 : 10);
}
