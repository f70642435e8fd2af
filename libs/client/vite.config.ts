import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  resolve: { conditions: ['source', ...defaultClientConditions] },
  build: {
    target: 'es2022',
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: 'index' },
    // Whoever bundles an application minifies it; until then the library should be readable.
    minify: false,
    sourcemap: true,
    // The declarations, by rollup, are in the same folder.
    emptyOutDir: false,
  },
});
