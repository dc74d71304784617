"""Every payload that stands on a topic, one module per publishing capability."""
