import './style.css';

import DefaultTheme from 'vitepress/theme-without-fonts';
import SizingCalculator from '../sizing/SizingCalculator.vue';

export default {
  // Fonts of the system: nothing to load.
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('SizingCalculator', SizingCalculator);
  },
};
