import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  // Relative, so that the page also works below a path prefix.
  base: './',
  // The workspace's packages are bundled from their sources: building the page needs no other build.
  resolve: { conditions: ['source', ...defaultClientConditions] },
  build: {
    target: 'baseline-widely-available',
    // The gateway's Content-Security-Policy allows files of this origin, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
