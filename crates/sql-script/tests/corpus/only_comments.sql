-- nothing
# here
/* at all */
