import { beforeEach, inject } from 'vitest';

// Every test of the chart needs Helm.
beforeEach(({ skip }) => {
  const { helm } = inject('tools');
  if ('missing' in helm) skip(helm.missing);
});
