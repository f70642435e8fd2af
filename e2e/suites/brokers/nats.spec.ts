import { NATS } from '../../brokers/nats.js';
import { allFaults } from '../../faults/clustered-broker.js';
import { describeBroker } from './describe-broker.js';

describeBroker(NATS, allFaults(NATS));
