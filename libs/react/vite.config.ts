import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    // As the client library.
    target: 'es2022',
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: 'index' },
    rolldownOptions: {
      external: ['react', '@holdfast/client'],
      // Hooks run in client components only (https://react.dev/reference/rsc/use-client).
      output: { banner: "'use client';" },
    },
    minify: false,
    sourcemap: true,
    // Rollup writes the declarations into the same folder.
    emptyOutDir: false,
  },
});
