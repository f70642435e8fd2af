import './style.css';

// Fonts of the system: nothing to load.
export { default } from 'vitepress/theme-without-fonts';
