import { posix } from 'node:path';
import type { MarkdownEnv, MarkdownRenderer } from 'vitepress';

export const REPOSITORY = 'https://github.com/holdfast/holdfast';

/** Pages link to files of the repository by their paths. On the site those that it does not contain lead to GitHub. */
export function repositoryLinks(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('repository-links', ({ tokens, env }) => {
    const { relativePath } = env as MarkdownEnv;
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const link = token.type === 'link_open' ? token.attrGet('href') : null;
      if (link !== null) token.attrSet('href', linkOnSite(link, relativePath));
    }
  });
}

/** @param page the path of the page with the link, from the folder of the pages. */
export function linkOnSite(link: string, page: string): string {
  if (/^(?:[a-z]+:|[/#])/.test(link)) return link;
  const target = posix.join('docs', posix.dirname(page), link);
  return /^docs\/.*\.md(?:#|$)/.test(target) ? link : `${REPOSITORY}/blob/main/${target}`;
}
