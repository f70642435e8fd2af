/** What the page shows, and what stands behind the # of its address, which is never sent. */
export type Route =
  | { readonly view: 'pod' | 'connections' | 'channels' | 'users' }
  | { readonly view: 'user' | 'channel'; readonly name: string };

const LISTS = ['connections', 'channels', 'users'] as const;

export function routeOf(hash: string): Route {
  const [view = '', encoded = ''] = hash.replace(/^#/, '').split('/', 2);
  if (view === 'user' || view === 'channel') {
    const name = decoded(encoded);
    if (name !== '') return { view, name };
  }
  return { view: LISTS.find((list) => list === view) ?? 'pod' };
}

export function hashOf(route: Route): string {
  return 'name' in route ? `#${route.view}/${encodeURIComponent(route.name)}` : `#${route.view}`;
}

/** An address that somebody has changed by hand may not be encoded correctly. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
