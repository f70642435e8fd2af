import { hydrateRoot } from 'react-dom/client';
import { App, type AppState } from './app.tsx';

const [root, state] = [document.getElementById('root'), document.getElementById('state')];
if (root === null || state === null) throw new Error('index.html has no elements #root and #state');

hydrateRoot(root, <App {...(JSON.parse(state.textContent) as AppState)} />);
