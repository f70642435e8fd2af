import { container } from './dom.js';
import { Component, StrictMode, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { onTestFinished } from 'vitest';
import { HoldfastProvider, type HoldfastProviderProps } from '../src/index.js';

const OPTIONS = { timeout: 1_000, backoff: { base: 4, max: 20 } };

export interface Mounted {
  readonly text: string;
  render(children: ReactNode): void;
  unmount(): void;
}

/** Renders in StrictMode, under a provider for this URL. It is unmounted when the test ends. */
export function mount(url: string, children: ReactNode, options: HoldfastProviderProps['options'] = {}): Mounted {
  return mountUnder({ url, options: { ...OPTIONS, ...options } }, children);
}

export function mountUnder(provider: HoldfastProviderProps, children: ReactNode): Mounted {
  const element = container();
  // React 18 has no onCaughtError: it prints what a boundary catches.
  const root = createRoot(element, { onCaughtError: () => {} });
  const render = (content: ReactNode) =>
    root.render(
      <StrictMode>
        <Boundary>
          <HoldfastProvider {...provider}>{content}</HoldfastProvider>
        </Boundary>
      </StrictMode>,
    );
  const unmount = () => root.unmount();
  onTestFinished(unmount);
  render(children);
  return {
    get text() {
      return element.textContent;
    },
    render,
    unmount,
  };
}

/** Shows an error of a component in its place. */
class Boundary extends Component<{ readonly children: ReactNode }, { readonly error?: unknown }> {
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override state: { readonly error?: unknown } = {};

  override render() {
    return 'error' in this.state ? String(this.state.error) : this.props.children;
  }
}
