import { HoldfastProvider } from '@holdfast/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat.tsx';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');

createRoot(root).render(
  <StrictMode>
    <HoldfastProvider url={import.meta.env.VITE_GATEWAY ?? 'ws://localhost:8000/ws'}>
      <Chat channel="chat:lobby" key="chat:lobby" />
    </HoldfastProvider>
  </StrictMode>,
);
