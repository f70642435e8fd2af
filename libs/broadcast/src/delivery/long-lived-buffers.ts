const SLAB_BYTES = 65_536;

/** A larger buffer has its own memory. */
const MAX_IN_SLAB = 4_096;

let slab = Buffer.alloc(0);
let used = 0;

/**
 * A buffer, not zeroed, for data that stays. Small ones share memory with each other, because memory of its own costs a buffer 250
 * bytes. They don't share it with short-lived ones as those of `Buffer.allocUnsafe` do, each of which would keep 64 KiB from being freed.
 */
export function allocate(bytes: number): Buffer {
  if (bytes > MAX_IN_SLAB) return Buffer.allocUnsafeSlow(bytes);
  if (slab.length - used < bytes) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const buffer = slab.subarray(used, used + bytes);
  used += bytes;
  return buffer;
}
