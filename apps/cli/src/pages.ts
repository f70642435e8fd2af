import { call, notAGateway, type HttpApi } from './http-api.js';

type Query = Readonly<Record<string, string | number | undefined>>;

interface List {
  readonly path: string;
  readonly query?: Query;
  /** The member of each page with its entries. */
  readonly member: string;
  readonly failed: string;
}

/**
 * The entries of a list, page by page.
 *
 * @throws Failure
 */
export async function* entriesOf(api: HttpApi, { path, query = {}, member, failed }: List): AsyncGenerator<unknown[]> {
  let after: string | undefined;
  do {
    const page = await call(api, { path, query: { ...query, ...(after === undefined ? {} : { after }) }, failed });
    const entries = page[member];
    if (!Array.isArray(entries)) notAGateway(api.url);
    yield entries;
    after = typeof page['next'] === 'string' ? page['next'] : undefined;
  } while (after !== undefined);
}
