"""A run as one HTML page, which needs neither a server nor the internet.

``write`` reads a run batch by batch and writes the page: a skeleton, packed data, and code. The
code is in ``page/``, and libraries of others with their licences are in ``vendor/``. Data is packed
as columns, ``gzip`` and base64; the browser unpacks the table of events at once, and the details of
a batch of events when a person opens one of them.
"""

from floodscan.report.html.write import write_report as write_report
