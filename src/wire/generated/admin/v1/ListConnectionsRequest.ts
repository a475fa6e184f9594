// Original file: proto/admin/v1/admin.proto

import type { ConnectionOrder as _admin_v1_ConnectionOrder, ConnectionOrderOutput as _admin_v1_ConnectionOrderOutput } from '../../admin/v1/ConnectionOrder.js';

export interface ListConnectionsRequest {
  /**
   * Only this tenant's principals'. Empty: the one of `principal`; without that too, everybody's.
   */
  'tenant'?: (string);
  /**
   * Only this principal's, such as `acme/billing`. Empty: everybody's.
   */
  'principal'?: (string);
  /**
   * Only those whose certificate ends within so many milliseconds. 0: whenever it ends.
   */
  'endsWithinMs'?: (number | string | bigint);
  'order'?: (_admin_v1_ConnectionOrder);
  /**
   * Most connections in one answer, at most 250. 0: 100.
   */
  'pageSize'?: (number);
  /**
   * From the answer before, to go on behind it, with everything else as it was. Empty: from the start.
   */
  'pageToken'?: (string);
}

export interface ListConnectionsRequestOutput {
  /**
   * Only this tenant's principals'. Empty: the one of `principal`; without that too, everybody's.
   */
  'tenant': (string);
  /**
   * Only this principal's, such as `acme/billing`. Empty: everybody's.
   */
  'principal': (string);
  /**
   * Only those whose certificate ends within so many milliseconds. 0: whenever it ends.
   */
  'endsWithinMs': (bigint);
  'order': (_admin_v1_ConnectionOrderOutput);
  /**
   * Most connections in one answer, at most 250. 0: 100.
   */
  'pageSize': (number);
  /**
   * From the answer before, to go on behind it, with everything else as it was. Empty: from the start.
   */
  'pageToken': (string);
}
