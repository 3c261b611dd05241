/* Open files: one per connection. */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

/* Raises the soft limit of open files to the hard one and returns it. */
unsigned long raise_open_files(void);

#endif
