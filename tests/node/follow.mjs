// node follow.mjs URL: what an EventSource of the package `eventsource` is told, one JSON object a line.

import { EventSource } from 'eventsource';

import { follow } from '../clients/following.mjs';

follow(EventSource, process.argv[2], (line) => console.log(line));
