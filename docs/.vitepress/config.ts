import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';
import { indentedCode } from './indented-code.ts';
import { REPOSITORY, repositoryLinks } from './repository-links.ts';
import { SIDEBAR } from './sidebar.ts';

/** The site over the pages of this folder, which stay readable as plain Markdown in the repository. */
export default defineConfig({
  lang: 'en-GB',
  title: 'Holdfast',
  description: 'A WebSocket gateway for Kubernetes whose connections and messages hold fast.',
  cacheDir: '../.cache/vitepress',
  ignoreDeadLinks: 'localhostLinks',
  markdown: {
    // Links between pages name the anchors that GitHub generates.
    anchor: { slugify: (heading) => slug(heading) },
    config(markdown) {
      markdown.use(repositoryLinks);
      markdown.use(indentedCode);
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    sidebar: SIDEBAR,
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Kubernetes', link: '/kubernetes' },
      { text: 'Cheat sheet', link: '/cheat-sheet' },
      { text: 'GitHub', link: REPOSITORY },
    ],
    outline: [2, 3],
    editLink: { pattern: `${REPOSITORY}/edit/main/docs/:path` },
    footer: { message: 'Apache License 2.0' },
  },
});
