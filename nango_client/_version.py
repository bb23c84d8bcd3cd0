"""The version; the build reads it from here, so that nothing has to be looked up at run time."""

VERSION = "0.2.0"
