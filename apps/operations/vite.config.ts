import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  // Relative, so that the page also works with a path prefix.
  base: './',
  // Bundles the workspace's packages from source, so that no other build is needed first.
  resolve: { conditions: ['source', ...defaultClientConditions] },
  build: {
    target: 'baseline-widely-available',
    // The gateway's Content-Security-Policy allows files of this origin, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
