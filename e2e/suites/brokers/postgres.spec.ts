import { POSTGRES } from '../../brokers/postgres.js';
import { allFaults } from '../../faults/log-broker.js';
import { describeBroker } from './describe-broker.js';

describeBroker(POSTGRES, allFaults(POSTGRES));
