// Numbers for people.

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

export const count = (number) => whole.format(number);

/** As the server tells growth: powers of 1000. */
export function bytes(number) {
  let unit = 0;
  let value = number;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${short.format(value)} ${UNITS[unit]}`;
}

export function rate(number) {
  return short.format(number >= 100 ? Math.round(number) : number);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const time = (timestamp) => clock.format(new Date(timestamp));
