// Removes from the lock file what npm notes there about who pays for a package: addresses, which pin nothing.
import { readFileSync, writeFileSync } from 'node:fs';

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
for (const told of Object.values(lock.packages)) delete told.funding;
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
