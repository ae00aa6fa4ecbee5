"""The look: template tags, the theme switch, toasts, and /design, which shows every element."""
