/** Whether `pattern`, in which `*` stands for any characters (none included), matches the whole of `text`. */
export function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const last = parts.pop() ?? '';
  const first = parts.shift();
  if (first === undefined) return last === text;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  // Taking each part at its first occurrence leaves the most room for the rest, so one pass decides.
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
