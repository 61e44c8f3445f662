-- Refuses what the site refuses: no account, an unknown qos, no time limit or one above the qos's.
local minutes = {
  dev = 360, test = 30, short = 360, ["short-preempt"] = 360,
  default = 2880, long = 8640, large = 1440, urgent = 360,
}

local function refuse(why)
  slurm.log_user("site: " .. why)
  return slurm.ERROR
end

function slurm_job_submit(job, partitions, uid)
  if job.account == nil then return refuse("--account is mandatory") end
  if not string.match(job.account, "^p200%d%d%d$") then return refuse("unknown account " .. job.account) end
  local limit = minutes[job.qos or "default"]
  if limit == nil then return refuse("unknown qos " .. job.qos) end
  if job.time_limit == slurm.NO_VAL then return refuse("--time is mandatory") end
  if job.time_limit > limit then return refuse("--time is above the limit of the qos") end
  return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, uid) return slurm.SUCCESS end

return slurm.SUCCESS
