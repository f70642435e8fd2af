import { KAFKA } from '../../brokers/kafka.js';
import { brokerFaults } from '../../faults/clustered-broker.js';
import { describeBroker } from './describe-broker.js';

describeBroker(KAFKA, brokerFaults(KAFKA));
