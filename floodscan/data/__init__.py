"""The bundled demo event, the snapshot of its catalog and the script that makes both."""
