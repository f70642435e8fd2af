import type { MarkdownRenderer } from 'vitepress';

/** Blocks without a language that begin with one of these are shell. */
const COMMAND =
  /^(?:[A-Z_]+=\S+ )*(?:cd|cosign|curl|docker|export|gh|git|helm|holdfast|kind|kubectl|mkdir|node|npm|npx|skaffold) /;

/** Whether an indented block, which cannot name its language, is shell. */
export function isShell(code: string): boolean {
  return COMMAND.test(code);
}

/** Renders indented blocks like fenced ones: with colours, a button to copy, and braces that Vue does not evaluate. */
export function indentedCode(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('indented-code', ({ tokens }) => {
    for (const token of tokens.filter(({ type }) => type === 'code_block')) {
      token.type = 'fence';
      token.info = isShell(token.content) ? 'sh' : 'text';
    }
  });
}
