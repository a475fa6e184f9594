// Original file: null


export interface Duration {
  'seconds'?: (number | string | bigint);
  'nanos'?: (number);
}

export interface DurationOutput {
  'seconds': (bigint);
  'nanos': (number);
}
