import type { AdminApi } from '../api/admin-api.js';
import type { PodState } from '../api/answers.js';

/** What the page shows below its head. */
export interface View {
  readonly title: string;
  readonly element: HTMLElement;
  /**
   * Shows what is the case now.
   *
   * @throws RefusedError or UnreachableError
   */
  refresh(api: AdminApi, state: PodState): Promise<void>;
}
