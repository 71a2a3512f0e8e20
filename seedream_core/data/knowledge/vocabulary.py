"""What is written on knowledge pictures, in both languages; nothing here holds a quotation mark."""

from collections.abc import Sequence

from seedream_core.data.scenes.world import Draw

# English, Chinese, unit (English, Chinese), least and largest value
SUBJECTS = (
    ("Rainfall", "降雨量", "mm", "毫米", 0, 180), ("Sales", "销售额", "k$", "万元", 5, 95), ("Visitors", "访客数", "people", "人", 20, 900),
    ("Energy use", "用电量", "kWh", "度", 30, 400), ("Exports", "出口额", "M$", "亿元", 1, 60), ("Test score", "测验成绩", "points", "分", 40, 100),
    ("Water level", "水位", "cm", "厘米", 50, 320), ("Output", "产量", "t", "吨", 2, 75), ("Wind speed", "风速", "m/s", "米每秒", 0, 24),
    ("Orders", "订单数", "orders", "单", 10, 640), ("Noise", "噪声", "dB", "分贝", 30, 98), ("Price", "价格", "$", "元", 1, 48),
)
CATEGORIES = {
    ("month", "月份"): (("Jan", "1月"), ("Feb", "2月"), ("Mar", "3月"), ("Apr", "4月"), ("May", "5月"), ("Jun", "6月"), ("Jul", "7月"),
                        ("Aug", "8月"), ("Sep", "9月"), ("Oct", "10月"), ("Nov", "11月"), ("Dec", "12月")),
    ("weekday", "星期"): (("Mon", "周一"), ("Tue", "周二"), ("Wed", "周三"), ("Thu", "周四"), ("Fri", "周五"), ("Sat", "周六"), ("Sun", "周日")),
    ("city", "城市"): (("Oslo", "奥斯陆"), ("Lima", "利马"), ("Xian", "西安"), ("Cairo", "开罗"), ("Paris", "巴黎"), ("Delhi", "德里"),
                       ("Wuhan", "武汉"), ("Tokyo", "东京"), ("Rome", "罗马"), ("Seoul", "首尔"), ("Quito", "基多"), ("Dalian", "大连")),
    ("fruit", "水果"): (("Apple", "苹果"), ("Pear", "梨"), ("Plum", "李子"), ("Grape", "葡萄"), ("Lemon", "柠檬"), ("Peach", "桃子"),
                        ("Mango", "芒果"), ("Kiwi", "猕猴桃"), ("Melon", "甜瓜"), ("Fig", "无花果")),
    ("team", "团队"): (("North", "北区"), ("South", "南区"), ("East", "东区"), ("West", "西区"), ("Central", "中区"), ("Online", "网店")),
    ("year", "年份"): tuple((str(year), f"{year}年") for year in range(1990, 2026)),
    ("day", "日期"): tuple((str(day), f"{day}日") for day in range(1, 32)),
}
GROUPS = (("2023", "2023年"), ("2024", "2024年"), ("2025", "2025年"), ("Plan", "计划"), ("Actual", "实际"), ("Plant A", "甲厂"), ("Plant B", "乙厂"),
          ("Model X", "X型"), ("Model Y", "Y型"), ("Control", "对照组"))
QUANTITIES = (("Height", "身高"), ("Weight", "体重"), ("Age", "年龄"), ("Income", "收入"), ("Speed", "速度"), ("Distance", "距离"), ("Depth", "深度"),
              ("Pressure", "压力"), ("Dose", "剂量"), ("Response", "反应"), ("Area", "面积"), ("Cost", "成本"))
COLUMNS = {
    "name": (("Name", "姓名"), (("Anna", "李明"), ("Ben", "王芳"), ("Carla", "张伟"), ("David", "刘洋"), ("Emma", "陈静"), ("Frank", "赵磊"),
                              ("Grace", "孙丽"), ("Henry", "周强"), ("Ivy", "吴敏"), ("Jack", "郑浩"), ("Karen", "冯雪"), ("Leo", "何军"))),
    "city": (("City", "城市"), CATEGORIES[("city", "城市")]),
    "item": (("Item", "商品"), (("Desk", "书桌"), ("Chair", "椅子"), ("Lamp", "台灯"), ("Shelf", "书架"), ("Mug", "杯子"), ("Notebook", "笔记本"),
                              ("Pen", "钢笔"), ("Printer", "打印机"), ("Cable", "数据线"), ("Keyboard", "键盘"), ("Monitor", "显示器"))),
    "status": (("Status", "状态"), (("open", "未处理"), ("done", "已完成"), ("late", "已延期"), ("paid", "已付款"), ("new", "新建"), ("on hold", "已暂停"))),
    "grade": (("Grade", "等级"), (("A", "甲"), ("B", "乙"), ("C", "丙"), ("A+", "优"), ("B-", "良"))),
    "day": (("Day", "星期"), CATEGORIES[("weekday", "星期")]),
}
NUMBERS = (("Qty", "数量"), ("Price", "单价"), ("Total", "合计"), ("Score", "得分"), ("Share", "占比"), ("Weight", "重量"), ("Year", "年份"),
           ("Date", "日期"))
TABLES = (("Order list", "订单明细"), ("Stock", "库存表"), ("Exam results", "考试成绩"), ("Weekly plan", "周计划"), ("Budget", "预算"),
          ("Team overview", "团队概况"),
          ("Price list", "价目表"), ("Survey", "调查结果"))
STEPS = (("Read input", "读取输入"), ("Check stock", "检查库存"), ("Send email", "发送邮件"), ("Pay", "付款"), ("Pack", "打包"), ("Ship", "发货"),
         ("Log error", "记录错误"),
         ("Retry", "重试"), ("Save", "保存"), ("Train model", "训练模型"), ("Evaluate", "评估"), ("Clean data", "清洗数据"), ("Merge", "合并"),
         ("Sort", "排序"),
         ("Notify user", "通知用户"), ("Sign in", "登录"), ("Verify code", "校验代码"), ("Archive", "归档"), ("Load file", "加载文件"), ("Split", "拆分"),
         ("Review", "审核"), ("Publish", "发布"), ("Measure", "测量"), ("Compress", "压缩"), ("Upload", "上传"), ("Filter", "过滤"), ("Encode", "编码"),
         ("Decode", "解码"))
QUESTIONS = (("Valid?", "有效?"), ("In stock?", "有货?"), ("Paid?", "已付款?"), ("Passed?", "通过?"), ("Error?", "出错?"), ("Full?", "已满?"),
             ("New user?", "新用户?"))
ENDS = (("Start", "开始"), ("End", "结束"))
ANSWERS = (("yes", "是"), ("no", "否"))
BRANCHES = (("Company", "公司"), ("Sales", "销售"), ("Design", "设计"), ("Finance", "财务"), ("Support", "客服"), ("Legal", "法务"), ("Animal", "动物"),
            ("Bird", "鸟"),
            ("Fish", "鱼"), ("Mammal", "哺乳类"), ("Cat", "猫"), ("Dog", "狗"), ("Owl", "猫头鹰"), ("Carp", "鲤鱼"), ("Plant", "植物"), ("Tree", "树"),
            ("Herb", "草本"),
            ("Oak", "橡树"), ("Pine", "松树"), ("Mint", "薄荷"), ("Science", "科学"), ("Physics", "物理"), ("Biology", "生物"), ("Optics", "光学"),
            ("Genes", "基因"),
            ("Europe", "欧洲"), ("Asia", "亚洲"), ("Food", "食物"), ("Rice", "米"), ("Bread", "面包"), ("Tea", "茶"), ("Music", "音乐"),
            ("Jazz", "爵士"), ("Opera", "京剧"))
DIAGRAMS = (("Overview", "总览"), ("Order process", "订单流程"), ("Pipeline", "流水线"), ("Structure", "结构图"), ("Network", "网络"), ("Plan", "方案"))
APPS = (("Notes", "便签"), ("Mail", "邮箱"), ("Travel", "旅行"), ("Bank", "银行"), ("Music", "音乐"), ("Shop", "商店"), ("Health", "健康"),
        ("Photos", "相册"), ("News", "新闻"))
LINKS = (("Home", "首页"), ("About", "关于"), ("Search", "搜索"), ("Orders", "订单"), ("Profile", "我的"), ("Help", "帮助"), ("Settings", "设置"),
         ("Inbox", "收件箱"),
         ("Teams", "团队"), ("Reports", "报表"), ("Files", "文件"), ("Calendar", "日历"))
BUTTONS = (("Save", "保存"), ("Cancel", "取消"), ("Log in", "登录"), ("Sign up", "注册"), ("Buy", "购买"), ("Send", "发送"), ("Next", "下一步"),
           ("Delete", "删除"), ("Share", "分享"))
FIELDS = (("Email", "邮箱"), ("Password", "密码"), ("First name", "名字"), ("Address", "地址"), ("Phone", "电话"), ("City", "城市"),
          ("Company", "公司"), ("Comment", "备注"),
          ("Birthday", "生日"), ("Country", "国家"))
SWITCHES = (("Dark mode", "深色模式"), ("Notifications", "通知"), ("Sync", "同步"), ("Bluetooth", "蓝牙"), ("Remember me", "记住我"), ("Sound", "声音"),
            ("Location", "定位"),
            ("Auto save", "自动保存"), ("Backup", "备份"), ("Wi-Fi", "无线网络"))
CARDS = (("Sunrise", "日出"), ("Old town", "老城"), ("River walk", "河畔"), ("Daily news", "每日新闻"), ("New jacket", "新外套"), ("Green tea", "绿茶"),
         ("Running", "跑步"),
         ("Museum", "博物馆"), ("Concert", "音乐会"), ("Recipe", "菜谱"), ("Weather", "天气"), ("Tickets", "门票"), ("Camera", "相机"),
         ("Headphones", "耳机"))


def said(pair: Sequence[str], language: str) -> str:
    return pair[language == "zh"]


def some(draw: Draw, options: Sequence, count: int) -> list:
    """Different ones in random order; as many as there are where more are asked for."""
    left, taken = list(options), []
    while left and len(taken) < count:
        taken.append(left.pop(int(draw.between(0, len(left)))))
    return taken
