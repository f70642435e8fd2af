import { Operations } from './operations.js';

new Operations();
