// What the doctor says of one thing: well, worth knowing, or wrong.

export interface Finding {
  state: 'well' | 'note' | 'wrong';
  text: string;
  /** More lines, such as the names of what is wrong. */
  details?: string[];
}

export const well = (text: string): Finding => ({ state: 'well', text });
export const note = (text: string, details?: string[]): Finding => ({
  state: 'note',
  text,
  ...(details ? { details } : {}),
});
export const wrong = (text: string, details?: string[]): Finding => ({
  state: 'wrong',
  text,
  ...(details ? { details } : {}),
});

/** Well when the list of faults is empty. */
export const none = (faults: string[], right: string, bad: string): Finding =>
  faults.length === 0 ? well(right) : wrong(bad, faults);
