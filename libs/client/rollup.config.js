import { dts } from 'rollup-plugin-dts';

/** Bundles the declarations into one file with the protocol's types, because the package has no dependencies. */
export default {
  input: 'src/index.ts',
  output: { file: 'dist/index.d.ts' },
  plugins: [dts({ tsconfig: 'tsconfig.json', includeExternal: ['@holdfast/protocol'] })],
};
