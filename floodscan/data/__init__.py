"""The bundled demo event, the snapshot of its catalogue and the script that makes both."""
