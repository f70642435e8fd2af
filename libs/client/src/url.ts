/**
 * The URL of the WebSocket, once it is needed: a relative one requires a page. Without `URL`, which React Native has
 * only in part.
 *
 * @throws TypeError at once if it can never be a WebSocket's.
 */
export function webSocketUrl(url: string | URL): () => string {
  const text = String(url);
  if (/^(ws|http)s?:\/\/[^/?#]/i.test(text)) return () => withScheme(text);
  if (!/^[./]/.test(text) && (text === '' || /^[^/?#]*:/.test(text))) refuse(text);
  const resolve = () => {
    if (typeof location === 'undefined') refuse(text);
    return withScheme(new URL(text, location.href).href);
  };
  if (typeof location !== 'undefined') resolve();
  return resolve;
}

function withScheme(url: string): string {
  return url.replace(/^http/i, 'ws');
}

function refuse(url: string): never {
  throw new TypeError(
    `"${url.replace(/[?#].*/s, '')}" is not a URL of a WebSocket, such as wss://gateway.example.com/ws`,
  );
}
