/** `bytes` random bytes in hexadecimal. Unlike crypto.randomUUID, it also works on a page served by plain HTTP. */
export function randomId(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
}
