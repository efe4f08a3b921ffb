"""A proxy between functions and the emulator of AWS, through which tests break what the functions count on.

Functions know nothing of it: their endpoint is the proxy's. Tests tell it what to break, over HTTP.
"""
