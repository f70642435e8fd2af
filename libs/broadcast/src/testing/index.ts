export { describeBroker, type BrokerServer } from './describe-broker.js';
export { describeBrokerFaults, type FaultyServer } from './describe-broker-faults.js';
export { describeLogBrokerFaults, type FaultyLogServer } from './describe-log-broker-faults.js';
export * from './settling.contract.js';
export { describeLogAdapter, type LogServer } from './log-adapter.contract.js';
