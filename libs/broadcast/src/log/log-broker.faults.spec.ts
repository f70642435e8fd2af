import { describeBrokerFaults } from '../testing/describe-broker-faults.js';
import { describeLogBrokerFaults } from '../testing/describe-log-broker-faults.js';
import { faultyLog } from '../testing/memory-log/faulty-log.js';
import { LogBroker } from './log-broker.js';

describeBrokerFaults('LogBroker', async () => faultyLog({}, (adapter) => new LogBroker(adapter)));
describeLogBrokerFaults('LogBroker', async () => faultyLog({}, (adapter) => new LogBroker(adapter)));
