import { run } from '@holdfast/gateway';
import { ShopModule } from './shop.module.js';

await run(ShopModule);
