// Original file: proto/admin/v1/admin.proto

import type { Connection as _admin_v1_Connection, ConnectionOutput as _admin_v1_ConnectionOutput } from '../../admin/v1/Connection.js';

export interface ListConnectionsResponse {
  'connections'?: (_admin_v1_Connection)[];
  /**
   * Empty: that was all.
   */
  'nextPageToken'?: (string);
}

export interface ListConnectionsResponseOutput {
  'connections': (_admin_v1_ConnectionOutput)[];
  /**
   * Empty: that was all.
   */
  'nextPageToken': (string);
}
