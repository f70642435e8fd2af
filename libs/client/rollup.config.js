import { dts } from 'rollup-plugin-dts';

/** The declarations in one file, with the protocol's types in it: the package has no dependencies. */
export default {
  input: 'src/index.ts',
  output: { file: 'dist/index.d.ts' },
  plugins: [dts({ tsconfig: 'tsconfig.json', includeExternal: ['@holdfast/protocol'] })],
};
