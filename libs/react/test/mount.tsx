import { container } from './dom.js';
import { StrictMode, type ReactNode } from 'react';
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
  const root = createRoot(element, {
    // Without a boundary, an error of a component is shown in its place.
    onUncaughtError: (error) => element.append(String(error)),
  });
  const render = (content: ReactNode) =>
    root.render(
      <StrictMode>
        <HoldfastProvider {...provider}>{content}</HoldfastProvider>
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
