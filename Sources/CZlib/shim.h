#ifndef SWITCHBOARD_CZLIB_SHIM_H
#define SWITCHBOARD_CZLIB_SHIM_H

/* zlib reads its input and never writes it; this makes its header say so. */
#define ZLIB_CONST
#include <zlib.h>

#endif
