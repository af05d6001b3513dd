import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type EventSchemas, describeEvents, publish, schemaFile } from './event-schema.js';

const published: EventSchemas = existsSync(schemaFile) ? JSON.parse(readFileSync(schemaFile, 'utf8')) : {};
writeFileSync(schemaFile, `${JSON.stringify(publish(published, describeEvents()), null, 2)}\n`);
